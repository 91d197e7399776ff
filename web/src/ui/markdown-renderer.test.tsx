// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import MarkdownRenderer from './markdown-renderer';

afterEach(cleanup);

it('shows a link instead of a blocked image', () => {
  render(<MarkdownRenderer>{'![a diagram](https://elsewhere.example/x.png)'}</MarkdownRenderer>);
  const image = screen.getByRole('img', { name: 'a diagram' });
  expect(image.getAttribute('referrerpolicy')).toBe('no-referrer');
  fireEvent.error(image);
  expect(screen.queryByRole('img', { name: 'a diagram' })).toBeNull();
  const link = screen.getByRole('link', { name: /a diagram/ });
  expect(link.getAttribute('href')).toBe('https://elsewhere.example/x.png');
});

it('names an image without alt text by its URL', () => {
  render(<MarkdownRenderer>{'![](https://elsewhere.example/x.png)'}</MarkdownRenderer>);
  fireEvent.error(document.querySelector('img') as HTMLImageElement);
  expect(screen.getByRole('link', { name: /elsewhere\.example\/x\.png/ })).toBeTruthy();
});
