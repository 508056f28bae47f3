// Tests run as native ES modules, as the product does (NODE_OPTIONS=--experimental-vm-modules,
// set by tests/run.ts). `unit` needs nothing but Node; `engine` needs PostgreSQL and Temporal,
// which tests/global-setup.ts brings up.
const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
};

/** @type {import('jest').Config} */
export default {
  projects: [
    {
      ...common,
      displayName: 'unit',
      testMatch: [
        '<rootDir>/{workflows,activities,connectors,api,db,temporal,workers,cli}/**/*.test.ts',
      ],
    },
    {
      ...common,
      displayName: 'engine',
      testMatch: ['<rootDir>/tests/**/*.test.ts'],
      globalSetup: '<rootDir>/tests/global-setup.ts',
      globalTeardown: '<rootDir>/tests/global-teardown.ts',
    },
  ],
};
