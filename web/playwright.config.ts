import { execFileSync } from 'node:child_process';
import { defineConfig } from '@playwright/test';

/** The files whose tests start a server of their own. */
const own = '**/*.own.spec.ts';

// Flows through a running Portico: the one at BASE_URL, or one that e2e/setup.ts starts from bin/portico
// (PORTICO_BINARY names another).
export default defineConfig({
  testDir: 'e2e',
  globalSetup: './e2e/setup.ts',
  timeout: 90_000,
  expect: { timeout: 15_000 },
  // Tests of one server see what the others do there, so they run one after the other. Meanwhile those run that start a
  // server of their own: they mostly wait for it.
  workers: 2,
  projects: [
    { name: 'shared', testMatch: '**/*.spec.ts', testIgnore: own, workers: 1 },
    { name: 'own', testMatch: own, workers: 1 },
  ],
  forbidOnly: Boolean(process.env.CI),
  reporter: [['list']],
  use: {
    ...(process.env.BASE_URL && { baseURL: process.env.BASE_URL }),
    // Pictures and copies of every page, of which only those of failed tests would be kept, take a fifth of the time: `--trace on` makes them.
    trace: { mode: 'retain-on-failure', screenshots: false, snapshots: false },
    screenshot: 'only-on-failure',
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
