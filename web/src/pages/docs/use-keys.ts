import { useEffect, useRef } from 'react';

/** What keys do while nobody types, by key; undefined for one that does nothing now. */
export function useKeys(keys: Readonly<Record<string, (() => void) | '' | undefined>>): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
      const act = latest.current[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, []);
}

/** Whether a key is for a field, a dialog or a menu. The path tells of fields in shadow roots, too. */
function isTyping(event: KeyboardEvent): boolean {
  return event
    .composedPath()
    .some(
      (node) =>
        node instanceof Element &&
        node.matches('input, textarea, select, [contenteditable], [role="dialog"], [role="menu"]'),
    );
}
