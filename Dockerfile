# One image for every role; the command says which: api, worker, emulators, migrate. All other
# commands of docs/cli.md work too.
FROM node:24-bookworm-slim AS packages
WORKDIR /masar
COPY package.json package-lock.json ./
RUN npm ci --omit=dev

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /masar
COPY --from=packages /masar/node_modules ./node_modules
COPY . .
RUN node scripts/bundle-workflows.ts workflows.bundle.js
ENV MASAR_WORKFLOW_BUNDLE=/masar/workflows.bundle.js
USER node
ENTRYPOINT ["node", "cli/masar.mjs"]
CMD ["api"]
