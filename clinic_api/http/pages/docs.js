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

// The tour names calls; a click on one opens it.
function open({ target }) {
  if (!target.matches(".info code")) return;
  const [method, path] = target.textContent.split(" ");
  const call = document.querySelector(`.opblock-${method.toLowerCase()}:has([data-path="${path}"])`);
  if (!call) return;
  if (!call.matches(".is-open")) call.querySelector(".opblock-summary-control").click();
  call.scrollIntoView({ behavior: "smooth" });
}

// Swagger UI would only forget the token; the session would live on.
const signOut = (logout, { authSelectors }) => (names) => {
  for (const name of names) {
    const token = authSelectors.authorized().getIn([name, "token", "access_token"]);
    fetch("auth/logout", { method: "POST", headers: { Authorization: `Bearer ${token}` }, keepalive: true });
  }
  return logout(names);
};

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  plugins: [{ fn: { opsFilter: matching }, statePlugins: { auth: { wrapActions: { logout: signOut } } } }],
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false, // ward computers are shared
  tryItOutEnabled: true,
  onComplete() {
    document.querySelector(".operation-filter-input").placeholder = "Filter: patients, POST, password …";
    document.addEventListener("click", open);
  },
});
