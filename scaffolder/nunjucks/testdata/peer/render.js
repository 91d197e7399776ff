// Reads lines {"template", "context", "opts"} and writes, for each, what nunjucks makes of it: {"output"} or {"error"}.
const nunjucks = require('nunjucks');
const readline = require('readline');

function render({ template, context, opts = {} }) {
  const uninstall = opts.jinjaCompat ? nunjucks.installJinjaCompat() : () => {};
  try {
    const env = new nunjucks.Environment([], {
      autoescape: false,
      trimBlocks: !!opts.trimBlocks,
      lstripBlocks: !!opts.lstripBlocks,
      tags: { variableStart: '${{', variableEnd: '}}' },
    });
    const output = env.renderString(template, context);
    return typeof output === 'string' ? { output } : { error: `not a string: ${output}` };
  } catch (error) {
    return { error: String(error && error.message) };
  } finally {
    uninstall();
  }
}

readline.createInterface({ input: process.stdin }).on('line', line => {
  process.stdout.write(JSON.stringify(render(JSON.parse(line))) + '\n');
});
