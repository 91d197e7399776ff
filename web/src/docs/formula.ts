import katex from 'katex';
import katexStyles from 'katex/dist/katex.min.css?inline';

export const styles = new CSSStyleSheet();
styles.replaceSync(katexStyles);

/** Sets the formula that an element has as text: `\(…\)` within a sentence, `\[…\]` by itself. */
export function setFormula(element: HTMLElement): void {
  const text = element.textContent?.trim() ?? '';
  const match = /^\\\(([\s\S]*)\\\)$|^\\\[([\s\S]*)\\\]$|^\$\$([\s\S]*)\$\$$|^\$([\s\S]*)\$$/.exec(text);
  const formula = match ? (match[1] ?? match[2] ?? match[3] ?? match[4]) : undefined;
  if (formula === undefined) return;
  katex.render(formula, element, {
    displayMode: match?.[2] !== undefined || match?.[3] !== undefined,
    throwOnError: false,
    errorColor: 'var(--failed)',
    // No links, no HTML attributes, no pictures from the text of a formula.
    trust: false,
    strict: 'ignore',
    maxExpand: 1000,
    maxSize: 50,
  });
}
