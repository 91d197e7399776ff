/** Marks the elements of the field with this id: its label, its controls and its messages. */
export function fieldMark(id: string): Record<string, string> {
  return { 'data-field': id };
}

const controls = 'input, select, textarea, button';

/** Moves the focus to a field: to its invalid control, or to the first. */
export function focusField(id: string): void {
  const field = document.querySelector(`[data-field="${CSS.escape(id)}"]`);
  const control = field?.querySelector<HTMLElement>('[aria-invalid]') ?? field?.querySelector<HTMLElement>(controls);
  if (control) focusOn(control);
}

/** Focuses a control. A section that is closed around it is opened first. */
export function focusOn(control: HTMLElement): void {
  for (let section = control.closest('details'); section; section = section.parentElement?.closest('details') ?? null) {
    section.open = true;
  }
  control.focus();
}
