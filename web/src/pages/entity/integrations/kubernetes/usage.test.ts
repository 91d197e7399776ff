import { expect, it } from 'vitest';
import { pod } from './fixtures';
import { formatBytes, formatCores, usageOf } from './usage';

it('says what a pod uses, and what it may use', () => {
  const measured = {
    pod: pod('shop-1') as never,
    cpu: { currentUsage: 0.25, requestTotal: 0.5, limitTotal: 1 },
    memory: { currentUsage: 64 * 1024 ** 2, requestTotal: 0, limitTotal: 0 },
    containers: [],
  };
  expect(usageOf(pod('shop-1'), [measured])).toEqual({ cpu: '250m of 1', memory: '64 MiB' });
  expect(usageOf(pod('shop-2'), [measured])).toEqual({ cpu: '', memory: '' });
});

it.each([
  [0, '0m'],
  [0.0042, '4m'],
  [1.26, '1.3'],
])('%d cores are %s', (cores, text) => {
  expect(formatCores(cores)).toBe(text);
});

it.each([
  [0, '0 B'],
  [1536, '1.5 KiB'],
  [3 * 1024 ** 3, '3.0 GiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
