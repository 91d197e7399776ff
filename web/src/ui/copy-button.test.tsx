// @vitest-environment happy-dom
import { cleanup, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import { CopyButton } from './copy-button';

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

it('copies, and says so', async () => {
  const user = userEvent.setup();
  render(<CopyButton text={() => 'all of it'} label="Copy the log" />);
  await user.click(screen.getByRole('button', { name: 'Copy the log' }));
  await screen.findByRole('button', { name: 'Copied' });
  expect(await navigator.clipboard.readText()).toBe('all of it');
});

it('copies no control characters', async () => {
  const user = userEvent.setup();
  render(<CopyButton text={() => 'a\u001b]0;owned\u0007\n\u202eb'} label="Copy the log" />);
  await user.click(screen.getByRole('button', { name: 'Copy the log' }));
  expect(await navigator.clipboard.readText()).toBe('a\\u001b]0;owned\\u0007\n\\u202eb');
});

it('is hidden without a clipboard', () => {
  vi.stubGlobal('navigator', {});
  render(<CopyButton text={() => 'all of it'} label="Copy the log" />);
  expect(screen.queryByRole('button')).toBeNull();
});
