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
