// Shows the API document that the page names; nothing is sent anywhere but to this server.
const place = document.getElementById("api");
SwaggerUIBundle({ domNode: place, url: place.dataset.url, deepLinking: true, validatorUrl: null, tryItOutEnabled: true });
