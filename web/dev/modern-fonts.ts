import type { Plugin } from 'vite';

/** Leaves out the copies of KaTeX's fonts for browsers that do not know WOFF2, and that the portal does not run in. */
export function modernFonts(): Plugin {
  return {
    name: 'portico:modern-fonts',
    enforce: 'pre',
    transform(code, id) {
      if (!/katex[^?]*\.css/.test(id)) return undefined;
      return code.replace(/,url\([^)]*\.(?:woff|ttf)\) format\("(?:woff|truetype)"\)/g, '');
    },
  };
}
