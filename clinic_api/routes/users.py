from typing import Annotated

from fastapi import APIRouter, Query, Response

from clinic_api.http import answers
from clinic_api.http.auth import admin
from clinic_api.http.conditions import find_fresh, refuse_stale
from clinic_api.http.route import WorkRoute
from clinic_api.http.work import Work
from clinic_api.models import Id, ListQuery, PasswordSet, UserPublic, UserUpdate
from clinic_api.selecting import find
from clinic_api.services import accounts
from clinic_api.services.accounts import visible_users

router = APIRouter(prefix="/users", tags=["Users"], route_class=WorkRoute)


@router.get("", dependencies=[admin], response_model=list[UserPublic])
def list_users(query: Annotated[ListQuery, Query()], work: Work) -> Response:
    """The accounts."""
    return answers.page(work, UserPublic, visible_users(work.user), query)


@router.get("/{user_id}", dependencies=[admin], response_model=UserPublic)
def read_user(user_id: Id, work: Work) -> Response:
    """One account."""
    return answers.one(work, UserPublic, visible_users(work.user), user_id)


@router.patch("/{user_id}", dependencies=[admin], response_model=UserPublic)
def update_user(user_id: Id, data: UserUpdate, work: Work) -> Response:
    """Change an account: `is_active: false` ends its sessions at once, `doctor_id` ties it to a doctor.

    The last active administrator stays one.
    """
    user = accounts.find_to_change(work.session, user_id, data)
    refuse_stale(work.request, user.version)
    accounts.refuse_last_admin(work.session, user, data)
    return answers.updated(work, UserPublic, visible_users(work.user), user_id, data)


@router.put("/{user_id}/password", status_code=204, dependencies=[admin])
async def set_password(user_id: Id, data: PasswordSet, work: Work) -> Response:
    """Give an account another password, for somebody who has forgotten theirs. All its sessions end."""
    user = await work.do(lambda: find(work.session, visible_users(work.user), user_id))
    hashed = await work.tools.passwords.hashed(data.new_password, user.email, "new_password")

    def store() -> None:
        accounts.set_password(work.session, find_fresh(work, visible_users(work.user), user_id), hashed)

    await work.do(store)
    return Response(status_code=204)
