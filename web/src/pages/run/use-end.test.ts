// @vitest-environment happy-dom
import { renderHook } from '@testing-library/react';
import { expect, it } from 'vitest';
import { useEnd } from './use-end';

/** A box of 100 pixels with the given content height. */
function show(begins = true) {
  const element = document.createElement('div');
  let scrollHeight = 100;
  Object.defineProperties(element, { clientHeight: { value: 100 }, scrollHeight: { get: () => scrollHeight } });
  const { result, rerender } = renderHook(({ size }) => useEnd({ current: element }, 40, begins, size), {
    initialProps: { size: scrollHeight },
  });
  element.addEventListener('scroll', () => result.current.scrolled());
  return {
    element,
    leave: () => result.current.leave(),
    grow(to: number) {
      scrollHeight = to;
      rerender({ size: to });
    },
    scroll(to: number) {
      element.scrollTop = to;
      element.dispatchEvent(new Event('scroll'));
    },
  };
}

it('stays at the end while the box grows, and reports it at once', () => {
  const { element, grow } = show();
  let told = 0;
  element.addEventListener('scroll', () => told++);
  grow(500);
  grow(900);
  expect([element.scrollTop, told]).toEqual([900, 2]);
});

it('stays in place after scrolling up, until the user returns to the end', () => {
  const { element, grow, scroll } = show();
  grow(500);
  scroll(200);
  grow(900);
  expect(element.scrollTop).toBe(200);
  scroll(790);
  grow(1000);
  expect(element.scrollTop).toBe(1000);
});

it('stops following the end when a line is to be shown', () => {
  const { element, grow, leave } = show();
  leave();
  grow(500);
  expect(element.scrollTop).toBe(100);
});
