// @vitest-environment happy-dom
import { onlineManager, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Button } from '@/ui/button';
import { useCommand } from './use-command';

afterEach(() => {
  cleanup();
  onlineManager.setOnline(true);
});

function Shown({ work }: { work: () => Promise<void> }) {
  const command = useCommand(work);
  return (
    <Button busy={command.busy} onClick={command.start}>
      Create
    </Button>
  );
}

function show(work: () => Promise<void>): HTMLElement {
  render(
    <QueryClientProvider client={new QueryClient()}>
      <Shown work={work} />
    </QueryClientProvider>,
  );
  return screen.getByRole('button');
}

describe('useCommand', () => {
  it('runs once for two clicks before the next render', async () => {
    const work = vi.fn(() => new Promise<void>(() => undefined));
    const button = show(work);
    await act(async () => {
      fireEvent.click(button);
      fireEvent.click(button);
    });
    expect(work).toHaveBeenCalledTimes(1);
    await vi.waitFor(() => expect(button.getAttribute('aria-disabled')).toBe('true'));
    await act(async () => {
      fireEvent.click(button);
    });
    expect(work).toHaveBeenCalledTimes(1);
  });

  it('is sent although the browser reports to be offline', async () => {
    onlineManager.setOnline(false);
    const work = vi.fn(async () => undefined);
    const button = show(work);
    await act(async () => {
      fireEvent.click(button);
    });
    expect(work).toHaveBeenCalledTimes(1);
  });

  it('can be repeated after the response', async () => {
    const work = vi.fn(async () => undefined);
    const button = show(work);
    await act(async () => {
      fireEvent.click(button);
    });
    await vi.waitFor(() => expect(button.hasAttribute('aria-disabled')).toBe(false));
    await act(async () => {
      fireEvent.click(button);
    });
    expect(work).toHaveBeenCalledTimes(2);
  });
});
