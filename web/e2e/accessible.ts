import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, type Page } from '@playwright/test';
import type { AxeResults } from 'axe-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Fails with everything that axe finds on a page, except by rules that do not fit what is shown. */
export async function expectAccessible(page: Page, ...unfit: readonly string[]): Promise<void> {
  // Through the debugger, not as a script of the page: its policy would refuse one.
  await page.evaluate(axe);
  const rules = Object.fromEntries(unfit.map((rule) => [rule, { enabled: false }]));
  const results = await page.evaluate(
    (options) => (window as unknown as { axe: { run: (options: object) => Promise<AxeResults> } }).axe.run(options),
    { rules },
  );
  const found = results.violations.map(
    ({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map(({ html }) => html).join('\n  ')}`,
  );
  expect(found).toEqual([]);
}

/**
 * Opens a page on a telephone, and resizes the window: it must never be wider than the window. A window that becomes
 * narrow again finds what stays as wide as it was.
 */
export async function expectNothingCutOff(page: Page, open: () => Promise<void>): Promise<void> {
  await page.setViewportSize({ width: 320, height: 800 });
  await open();
  for (const width of [320, 1920, 768]) {
    await page.setViewportSize({ width, height: 800 });
    const over = await page.evaluate(async () => {
      // What measures itself when the window is resized draws in the next frame.
      for (let frame = 0; frame < 2; frame++) await new Promise((drawn) => requestAnimationFrame(drawn));
      return document.documentElement.scrollWidth - document.body.clientWidth;
    });
    expect(over, `${page.url()} scrolls sideways at ${width} pixels`).toBeLessThanOrEqual(0);
  }
}
