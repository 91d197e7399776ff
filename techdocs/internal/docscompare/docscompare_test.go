package docscompare_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs/internal/docscompare"
)

func TestHTML(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		want, got string
		degree    docscompare.Degree
	}{
		"same":                 {`<p>a</p>`, `<p>a</p>`, docscompare.Equal},
		"white space":          {"<p>a\n b</p>\n<p>c</p>", "<p>a b</p><p> c</p>", docscompare.Equal},
		"order of attributes":  {`<a class="x y" href="u">a</a>`, `<a href="u" class="y x">a</a>`, docscompare.Equal},
		"escapes in addresses": {`<a href="%C3%A4.md">a</a>`, `<a href="ä.md">a</a>`, docscompare.Equal},
		"alignment":            {`<td style="text-align: left;">a</td>`, `<td align="left">a</td>`, docscompare.Equal},
		"comments":             {`<p>a</p><!-- b -->`, `<p>a</p>`, docscompare.Equal},
		"block in a paragraph": {`<p><div>a</div></p>`, `<div>a</div>`, docscompare.Equal},
		"another element":      {`<p><em>a</em></p>`, `<p><strong>a</strong></p>`, docscompare.TextOnly},
		"another class":        {`<div class="admonition note">a</div>`, `<div class="admonition">a</div>`, docscompare.TextOnly},
		"another text":         {`<p>a</p>`, `<p>b</p>`, docscompare.Different},
		"tokens of code":       {`<div class="language-go highlight"><pre><code><span>a</span> b</code></pre></div>`, `<pre><code class="language-go">a b</code></pre>`, docscompare.Equal},
		"language of code":     {`<pre><code class="language-go">a</code></pre>`, `<pre><code class="language-py">a</code></pre>`, docscompare.TextOnly},
		"text is no language":  {`<pre><code class="language-text">a</code></pre>`, `<pre><code>a</code></pre>`, docscompare.Equal},
		"line numbers of code": {`<div class="highlight"><table><tr><td><pre>1</pre></td><td><pre><code>a</code></pre></td></tr></table></div>`, `<pre><code>a</code></pre>`, docscompare.TextOnly},
		"highlighted line":     {`<pre><code><span class="hll">a</span></code></pre>`, `<pre><code>a</code></pre>`, docscompare.TextOnly},
		"white space of code":  {"<pre><code>a\n b</code></pre>", "<pre><code>a b</code></pre>", docscompare.TextOnly},
		"inside of pictures":   {`<svg><path/></svg>`, `<svg width="1"></svg>`, docscompare.Equal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			degree, difference := docscompare.HTML(test.want, test.got)
			require.Equal(t, test.degree, degree, difference)
			require.Equal(t, degree == docscompare.Equal, difference == "")
		})
	}
}
