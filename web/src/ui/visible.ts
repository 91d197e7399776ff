// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * A text with its control characters made visible, except line ends and tabs. Pasted into a terminal, they
 * would control it, and bidirectional ones would hide parts of the text. The command line shows them in the
 * same way.
 */
export function visible(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(controls, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
