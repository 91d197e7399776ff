import { fileURLToPath } from 'node:url';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { compressAssets } from './dev/compress.ts';
import { mockBackend } from './dev/mock.ts';
import { modernFonts } from './dev/modern-fonts.ts';

// `npm run dev` talks to a running Portico (PORTICO_URL); `npm run dev:mock` to the recorded one under dev/.
export default defineConfig(({ mode }) => ({
  plugins: [react(), tailwindcss(), modernFonts(), compressAssets(), mode === 'mock' && mockBackend()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: mode === 'mock' ? {} : { proxy: { '/api': process.env.PORTICO_URL ?? 'http://127.0.0.1:7007' } },
  // emptyOutDir would remove .gitkeep, without which the Go packages do not build before the portal is built.
  build: {
    target: 'es2022',
    emptyOutDir: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // The content security policy permits fonts of the portal's origin, not those within a style sheet.
    assetsInlineLimit: (file) => (file.endsWith('.woff2') ? false : undefined),
  },
  test: { environment: 'node', include: ['src/**/*.test.{ts,tsx}'], restoreMocks: true },
}));
