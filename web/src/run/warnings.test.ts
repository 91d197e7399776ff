import { expect, it } from 'vitest';
import { linesOf } from './log';
import { warningsOf } from './warnings';

function said(id: number, stepId: string, message: string) {
  const body = { message, stepId };
  return linesOf({ id, taskId: 'run', type: 'log', createdAt: '2026-01-01T00:00:00Z', body, isTaskRecoverable: false });
}

it('collects warnings, with all their lines and without duplicates', () => {
  const lines = [
    ...said(1, 'fetch', '\u001b[32minfo\u001b[39m: fine'),
    ...said(2, 'fetch', '\u001b[33mwarn\u001b[39m: latin.txt is not UTF-8\nand was copied'),
    ...said(3, 'publish', 'warn: Left out: dist/'),
    ...said(4, 'publish', 'error: no\nmore'),
    ...said(5, 'publish', 'warn: Left out: dist/'),
  ];
  expect(warningsOf(lines)).toEqual([
    { key: '2:0', stepId: 'fetch', text: 'latin.txt is not UTF-8\nand was copied', times: 1 },
    { key: '3:0', stepId: 'publish', text: 'Left out: dist/', times: 2 },
  ]);
});
