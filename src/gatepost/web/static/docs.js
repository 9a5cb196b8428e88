// Starts Swagger UI on our own OpenAPI document; nothing is asked of any other server.
"use strict";
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", validatorUrl: null, deepLinking: false, tryItOutEnabled: true });
