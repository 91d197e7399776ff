import { execFileSync } from 'node:child_process';
import { defineConfig } from '@playwright/test';

// Flows through a running Portico: the one at BASE_URL, or one that e2e/setup.ts starts from bin/portico
// (PORTICO_BINARY names another).
export default defineConfig({
  testDir: 'e2e',
  globalSetup: './e2e/setup.ts',
  timeout: 90_000,
  expect: { timeout: 15_000 },
  // All tests share one server and one worker; in parallel they would only wait for each other.
  workers: 1,
  forbidOnly: Boolean(process.env.CI),
  reporter: [['list']],
  use: {
    ...(process.env.BASE_URL && { baseURL: process.env.BASE_URL }),
    trace: 'retain-on-failure',
    reducedMotion: 'reduce',
    launchOptions: {
      executablePath: chromium(),
      // --no-sandbox: in containers and as root Chromium has no sandbox to start; it only ever opens Portico.
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    },
  },
});

/** The system's Chromium, or the one that PORTICO_CHROMIUM names. */
function chromium(): string {
  if (process.env.PORTICO_CHROMIUM) return process.env.PORTICO_CHROMIUM;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      // Not under this name.
    }
  }
  throw new Error('No Chromium was found: install it, or name one with PORTICO_CHROMIUM.');
}
