import { defineConfig } from 'vite';

// The service serves the page under /studio/; `npm run dev` passes the API on to one that runs on this machine.
export default defineConfig({
  base: './', // a proxy may show the service under a path of its own
  build: { outDir: '../akma_core/api/static', emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  server: { proxy: { '/v1': 'http://127.0.0.1:3000' } },
});
