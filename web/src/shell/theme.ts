import { useState } from 'react';

export type Theme = 'system' | 'light' | 'dark';

const key = 'portico.theme';

export function isTheme(value: unknown): value is Theme {
  return value === 'system' || value === 'light' || value === 'dark';
}

function stored(): Theme {
  const value = localStorage.getItem(key);
  return isTheme(value) ? value : 'system';
}

/**
 * The user's choice of theme, and a function to change it. public/theme.js applies the stored one before the
 * first paint.
 */
export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState(stored);
  const choose = (next: Theme) => {
    setTheme(next);
    if (next === 'system') {
      localStorage.removeItem(key);
      delete document.documentElement.dataset.theme;
      return;
    }
    localStorage.setItem(key, next);
    document.documentElement.dataset.theme = next;
  };
  return [theme, choose];
}
