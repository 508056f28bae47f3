# One image for every role; the command says which: api, worker, emulators, migrate.
FROM node:24-bookworm-slim AS packages
WORKDIR /masar
COPY package.json package-lock.json ./
RUN npm ci --omit=dev

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /masar
COPY --from=packages /masar/node_modules ./node_modules
COPY . .
USER node
ENTRYPOINT ["node", "cli/main.ts"]
CMD ["api"]
