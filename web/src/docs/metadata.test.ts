import { expect, it } from 'vitest';
import type { DocsMetadata } from '@/api/types';
import { builtAt } from './metadata';

it('takes what is no moment for none', () => {
  expect(builtAt({ site_name: 'Shop', build_timestamp: 1_700_000_000_000 })).toBe('2023-11-14T22:13:20.000Z');
  for (const odd of [undefined, 1e300, 'yesterday']) {
    expect(builtAt({ build_timestamp: odd } as unknown as DocsMetadata)).toBeUndefined();
  }
  expect(builtAt(undefined)).toBeUndefined();
});
