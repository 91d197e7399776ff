// Runs before the first paint, so that a chosen theme never flashes the other one. A file of its own because the
// page's policy allows no inline script. src/shell/theme.ts writes what is read here.
try {
  const theme = localStorage.getItem('portico.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is closed to this page: the system's preference holds.
}
