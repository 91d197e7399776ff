// @vitest-environment happy-dom
import { cleanup, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Combobox } from './combobox';

afterEach(cleanup);

const options = [
  { value: 'group:default/a', title: 'Team A', hint: 'group' },
  { value: 'group:default/b', title: 'Team B' },
];

function show(props: Partial<Parameters<typeof Combobox>[0]> = {}) {
  const onChoose = vi.fn();
  const onSearch = vi.fn();
  render(<Combobox label="Owner" options={options} chosen="" onSearch={onSearch} onChoose={onChoose} {...props} />);
  return { onChoose, onSearch, box: screen.getByRole('combobox'), user: userEvent.setup() };
}

describe('Combobox', () => {
  it('supports arrow keys, and marks the active option', async () => {
    const { box, user, onChoose } = show();
    await user.click(box);
    await user.keyboard('{ArrowDown}');
    expect(box.getAttribute('aria-activedescendant')).toBe(screen.getAllByRole('option')[1]?.id);
    await user.keyboard('{ArrowDown}{Enter}');
    expect(onChoose).toHaveBeenCalledExactlyOnceWith('group:default/a');
    expect(box.getAttribute('aria-expanded')).toBe('false');
  });

  it('searches while the user types, and closes on Escape', async () => {
    const { box, user, onChoose, onSearch } = show({ chosen: 'Team A' });
    await user.clear(box);
    await user.type(box, 'x');
    expect(onSearch).toHaveBeenLastCalledWith('x');
    await user.keyboard('{Escape}');
    expect((box as HTMLInputElement).value).toBe('Team A');
    expect(onChoose).not.toHaveBeenCalled();
  });

  it('accepts typed text only if that is allowed', async () => {
    const strict = show({ options: [] });
    await strict.user.type(strict.box, 'nobody');
    await strict.user.tab();
    expect(strict.onChoose).not.toHaveBeenCalled();
    cleanup();
    const free = show({ options: [], free: true });
    await free.user.type(free.box, 'somebody');
    await free.user.tab();
    expect(free.onChoose).toHaveBeenCalledExactlyOnceWith('somebody');
  });

  it('accepts an option that was typed in full', async () => {
    const { box, user, onChoose } = show({ free: true });
    await user.type(box, 'team b');
    await user.tab();
    expect(onChoose).toHaveBeenCalledExactlyOnceWith('group:default/b');
  });

  it('says that a search failed, not that nothing matches', async () => {
    const strict = show({ options: [], failed: true });
    await strict.user.type(strict.box, 'team a');
    expect(screen.getByRole('status').textContent).toBe('The search failed.');
    cleanup();
    const free = show({ options: [], failed: true, free: true });
    await free.user.type(free.box, 'team a');
    expect(screen.getByRole('status').textContent).toBe('The search failed. Press Enter to use “team a”.');
  });

  it('says that typing finds more options', async () => {
    const { box, user } = show({ more: 1200 });
    await user.click(box);
    expect(screen.getByText('1,200 more: type to find')).toBeTruthy();
  });

  it('Tab moves to the next field, not to the clear button', async () => {
    const { box, user, onChoose } = show({ chosen: 'Team A' });
    await user.click(box);
    await user.tab();
    await user.keyboard('{Enter}');
    expect(document.activeElement).toBe(document.body);
    expect(onChoose).not.toHaveBeenCalled();
  });

  it('is cleared by deleting the text or by its button', async () => {
    const { box, user, onChoose } = show({ chosen: 'Team A' });
    await user.clear(box);
    await user.tab();
    expect(onChoose).toHaveBeenLastCalledWith(undefined);
    await user.click(screen.getByRole('button', { name: 'Clear' }));
    expect(onChoose).toHaveBeenCalledTimes(2);
  });
});
