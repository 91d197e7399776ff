import { describe, expect, it } from 'vitest';
import { type Candidate, excerpt, rank } from './rank';

function candidate(title: string, others: Record<string, string> = {}): Candidate<string> {
  return { target: title, title, others: Object.entries(others).map(([field, text]) => ({ field, text })) };
}

describe('rank', () => {
  it('puts titles first, and among them those that begin with the term', () => {
    const candidates = [
      candidate('Ledger', { name: 'ledger', description: 'Books every payment' }),
      candidate('Prepayments'),
      candidate('Till', { name: 'payment-till' }),
      candidate('The payment gateway'),
      candidate('Payments API'),
      candidate('Payment'),
      candidate('Shop'),
    ];
    expect(rank('payment', candidates).map(({ title, because }) => [title, because?.field])).toEqual([
      ['Payment', undefined],
      ['Payments API', undefined],
      ['The payment gateway', undefined],
      ['Prepayments', undefined],
      ['Till', 'name'],
      ['Ledger', 'description'],
    ]);
  });

  it('is a stable sort', () => {
    const candidates = [candidate('Shop one'), candidate('Shop two')];
    expect(rank('shop', candidates).map(({ title }) => title)).toEqual(['Shop one', 'Shop two']);
    expect(rank('shop', candidates.toReversed()).map(({ title }) => title)).toEqual(['Shop two', 'Shop one']);
  });
});

describe('excerpt', () => {
  it('shows the part of a long text with the term', () => {
    const text = `${'before '.repeat(20)}the term${' after'.repeat(20)}`;
    expect(excerpt(text, 'term')).toMatch(/^… .*the term after.* …$/);
    expect(excerpt(text, 'term').length).toBeLessThan(100);
    expect(excerpt('a short term', 'term')).toBe('a short term');
  });
});
