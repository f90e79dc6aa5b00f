Redoc.init(
  "openapi.json",
  {
    pathInMiddlePanel: true,
    requiredPropsFirst: true,
    theme: {
      colors: { primary: { main: "#0f6b6b" } },
      rightPanel: { backgroundColor: "#17313a" },
      sidebar: { backgroundColor: "#f4f7f7" },
      typography: {
        fontFamily: "Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif",
        headings: { fontFamily: "Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif" },
        code: { color: "#0f6b6b" },
      },
    },
  },
  document.getElementById("redoc"),
);
