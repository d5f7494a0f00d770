// The content policy allows no inline script, so this stands in a file.
// The language of the page is the language of the descriptions.
window.addEventListener("DOMContentLoaded", () => {
  SwaggerUIBundle({
    url: `openapi.json?lang=${document.documentElement.lang}`,
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    requestInterceptor: (request) => {
      if (!request.loadSpec) request.headers["Accept-Language"] = document.documentElement.lang;
      return request;
    },
  });
});
