const key = 'portico.searches';
const most = 8;

/** What was searched for in this browser and then opened, the latest first. */
export function recentSearches(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(stored) ? stored.filter((term) => typeof term === 'string') : [];
  } catch {
    return [];
  }
}

export function rememberSearch(term: string): void {
  const clean = term.trim();
  if (clean === '') return;
  const others = recentSearches().filter((other) => other.toLowerCase() !== clean.toLowerCase());
  localStorage.setItem(key, JSON.stringify([clean, ...others].slice(0, most)));
}
