import mermaid from 'mermaid';
import { sanitizeDrawing } from './sanitize';

/** The text of a diagram is longer only by mistake. */
const mostText = 50_000;
let count = 0;

/** Draws the diagram that a block has as text, in its place. */
export async function drawDiagram(block: HTMLElement, isDark: boolean): Promise<void> {
  const text = block.dataset.text ?? block.textContent ?? '';
  block.dataset.text = text;
  mermaid.initialize({
    startOnLoad: false,
    // No handlers, no HTML in labels, no change of this by the text of the diagram.
    securityLevel: 'strict',
    htmlLabels: false,
    flowchart: { htmlLabels: false },
    look: 'classic',
    theme: isDark ? 'dark' : 'neutral',
    maxTextSize: mostText,
    suppressErrorRendering: true,
    fontFamily: 'inherit',
  });
  count += 1;
  try {
    const { svg } = await mermaid.render(`portico-diagram-${count}`, text);
    const drawing = sanitizeDrawing(svg);
    const picture = document.createElement('figure');
    picture.className = 'diagram';
    picture.dataset.text = text;
    picture.append(drawing);
    const shown = picture.querySelector('svg');
    if (shown && !shown.hasAttribute('aria-labelledby')) {
      shown.setAttribute('role', 'img');
      shown.setAttribute('aria-label', `Diagram: ${text.slice(0, 200)}`);
      shown.removeAttribute('aria-roledescription');
    }
    block.replaceWith(picture);
  } catch (error) {
    const reason = document.createElement('p');
    reason.className = 'diagram-error';
    reason.textContent = `This diagram cannot be drawn: ${error instanceof Error ? error.message : String(error)}`;
    if (!block.nextElementSibling?.matches('.diagram-error')) block.after(reason);
  }
}
