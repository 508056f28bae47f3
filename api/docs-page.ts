/** Swagger UI, from its npm package: nothing is loaded from elsewhere. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import express, { Router } from 'express';

const ASSETS = /^\/(?:swagger-ui\.css|swagger-ui-bundle\.js|favicon-32x32\.png)$/;

const page = (base: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Masar API</title>
<link rel="icon" href="${base}/docs/favicon-32x32.png">
<link rel="stylesheet" href="${base}/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="${base}/docs/swagger-ui-bundle.js"></script>
<script src="${base}/docs/start.js"></script>
</body>
</html>
`;

const start = (base: string): string => `SwaggerUIBundle({
  url: '${base}/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
});
`;

/** Serves the documentation at /docs. @param base where the API is mounted, e.g. /api */
export function docsRouter(base: string): Router {
  const router = Router();
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const assets = express.static(folder, { index: false, maxAge: '1d' });
  router.get('/docs', (_request, response) => void response.type('html').send(page(base)));
  router.get('/docs/start.js', (_request, response) => {
    response.type('text/javascript').send(start(base));
  });
  router.use('/docs', (request, response, next) => {
    // The package holds more than a browser needs.
    if (ASSETS.test(request.path)) assets(request, response, next);
    else next();
  });
  return router;
}
