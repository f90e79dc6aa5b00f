// Swagger UI's own filter knows only the names of the groups, and those to the letter.
function matching(groups, typed) {
  const words = typed.toLowerCase().split(/\s+/);
  const said = (group, call) =>
    [group, call.get("method"), call.get("path"), call.getIn(["operation", "summary"])].join(" ").toLowerCase();
  const kept = (calls, group) => calls.filter((call) => words.every((word) => said(group, call).includes(word)));
  return groups
    .map((group, name) => group.update("operations", (calls) => kept(calls, name)))
    .filter((group) => group.get("operations").size);
}

// Each call that the tour names becomes a button that opens it.
function enliven(code) {
  const [method, path] = code.textContent.split(" ");
  const call = ui.specSelectors.specJson().getIn(["paths", path, method.toLowerCase()]);
  if (!call) return;
  const group = call.getIn(["tags", 0]);
  const place = ["operations", group, call.get("operationId")];
  const button = document.createElement("button");
  button.append(...code.childNodes);
  button.addEventListener("click", () => {
    ui.layoutActions.updateFilter("");
    ui.layoutActions.show(["operations-tag", group], true);
    ui.layoutActions.show(place, true);
    requestAnimationFrame(() => document.getElementById(place.join("-").replaceAll(" ", "_")).scrollIntoView());
  });
  code.append(button);
}

// Of a filter that leaves nothing Swagger UI would say that the API has no calls.
const found = (Operations, { React: { createElement } }) => (props) =>
  props.specSelectors.taggedOperations().size
    ? createElement(Operations, props)
    : createElement("p", null, "No call has all these words.");

// The errors that a call documents are a line each, until one is asked for.
const folded = (Response, { React: { createElement, useState } }) => (props) => {
  const [isOpen, setOpen] = useState(props.code < "400");
  if (isOpen) return createElement(Response, props);
  const button = createElement("button", { onClick: () => setOpen(true) }, props.response.get("description"));
  const status = createElement("td", { className: "response-col_status" }, props.code);
  return createElement("tr", { className: "response folded" }, status, createElement("td", null, button));
};

// What every answer carries is said once, at the top.
const beyondId = (Headers, { React: { createElement } }) => (props) =>
  createElement(Headers, { ...props, headers: props.headers.delete("X-Request-ID") });

// The command holds the token, and others see the screen.
const curlOnDemand = (Curl, { React: { createElement } }) => (props) =>
  createElement("details", null, createElement("summary", null, "As a command, with your token"), createElement(Curl, props));

// The answer is far below the button.
const intoSight = (setResponse) => (path, method, response) => {
  const answer = `.opblock-${method}:has([data-path="${path}"]) .live-responses-table`;
  setTimeout(() => document.querySelector(answer)?.scrollIntoView({ block: "nearest" }), 100);
  return setResponse(path, method, response);
};

// Who has typed a password presses Enter.
const withEnter = (Dialog, { React: { createElement } }) => (props) => {
  const onKeyDown = ({ key, currentTarget }) => key === "Enter" && currentTarget.querySelector(".authorize")?.click();
  return createElement("div", { onKeyDown }, createElement(Dialog, props));
};

// Swagger UI would only forget the token; the session would live on.
const signOut = (logout, { authSelectors }) => (names) => {
  for (const name of names) {
    const token = authSelectors.authorized().getIn([name, "token", "access_token"]);
    fetch("auth/logout", { method: "POST", headers: { Authorization: `Bearer ${token}` }, keepalive: true });
  }
  return logout(names);
};

const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  plugins: [
    {
      fn: { opsFilter: matching },
      statePlugins: {
        auth: { wrapActions: { logout: signOut } },
        spec: { wrapActions: { setResponse: intoSight } },
      },
      wrapComponents: {
        operations: found,
        response: folded,
        headers: beyondId,
        curl: curlOnDemand,
        oauth2: withEnter,
      },
    },
  ],
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false, // ward computers are shared
  tryItOutEnabled: true,
  onComplete() {
    document.querySelector(".operation-filter-input").placeholder = "Filter: patients, POST, password …";
    document.querySelectorAll(".info li code").forEach(enliven);
  },
});
