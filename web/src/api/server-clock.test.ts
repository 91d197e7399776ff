import { afterEach, beforeEach, expect, it, vi } from 'vitest';

const hour = 3_600_000;
const noon = Date.parse('2026-11-22T12:00:00Z');

let clock: typeof import('./server-clock');

beforeEach(async () => {
  vi.useFakeTimers({ now: noon });
  vi.resetModules();
  clock = await import('./server-clock');
});

afterEach(() => vi.useRealTimers());

/** A response with the server's time in whole seconds, and the duration of its request. */
function answeredAt(time: number, took = 0): void {
  const requestedAt = Date.now();
  vi.advanceTimersByTime(took);
  const date = new Date(time).toUTCString();
  clock.learnTime(new Response(null, { headers: { Date: date } }), requestedAt);
}

/** The estimated offset of the server's clock from the browser's. */
const ahead = () => clock.serverNow() - Date.now();

it.each([
  ['nothing is known yet', () => {}],
  ['an answer has no date', () => clock.learnTime(new Response(), Date.now())],
  ['an answer is of the same second', () => answeredAt(noon)],
  ['an answer was long under way', () => answeredAt(noon + 5000, 9000)],
])('is the browser’s when %s', (_, learn) => {
  learn();
  expect(ahead()).toBe(0);
});

it('is the server’s when the browser’s clock is fast or slow', () => {
  answeredAt(noon + hour);
  expect(ahead()).toBe(hour);
  answeredAt(noon - hour);
  expect(ahead()).toBe(1000 - hour);
});

it('becomes more exact with more responses', () => {
  vi.setSystemTime(noon + 400);
  answeredAt(noon - hour);
  expect(ahead()).toBe(600 - hour);
  vi.advanceTimersByTime(500);
  answeredAt(noon - hour);
  expect(ahead()).toBe(100 - hour);
});
