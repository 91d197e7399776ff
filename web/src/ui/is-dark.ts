import { useSyncExternalStore } from 'react';
import { useMedia } from './media';

/** Whether the dark theme is shown: the chosen one or, without a choice, that of the system. */
export function useIsDark(): boolean {
  const system = useMedia('(prefers-color-scheme: dark)');
  const chosen = useSyncExternalStore(subscribe, () => document.documentElement.dataset.theme);
  return chosen ? chosen === 'dark' : system;
}

function subscribe(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  return () => observer.disconnect();
}
