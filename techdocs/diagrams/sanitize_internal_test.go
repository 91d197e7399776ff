package diagrams

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

func TestADrawingOnlyShowsSomething(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, given, want string }{
		{"what PlantUML draws", `<?xml version="1.0" encoding="UTF-8"?><?plantuml 1.2026?><!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" style="width:10px;" viewBox="0 0 1 1"><defs/><g><text lengthAdjust="spacing" fill="#000">A &amp; &lt;b&gt;</text><a xlink:href="https://x.example" target="_top"><path d="M0,0"/></a></g></svg>`,
			`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" style="width:10px;" viewBox="0 0 1 1"><defs></defs><g><text lengthAdjust="spacing" fill="#000">A &amp; &lt;b&gt;</text><a xlink:href="https://x.example" target="_top"><path d="M0,0"></path></a></g></svg>`},
		{"a script", `<svg><script>alert(1)</script><g><ScRiPt xlink:href="x"/></g></svg>`, `<svg><g></g></svg>`},
		{"a handler", `<svg onload="alert(1)" OnClick="x"><rect onmouseover="x" x="1"/></svg>`, `<svg><rect x="1"></rect></svg>`},
		{"HTML in it", `<svg><foreignObject><iframe src="https://evil.example"/></foreignObject><desc><div>x</div>y</desc></svg>`, `<svg><desc>y</desc></svg>`},
		{"a link that runs", `<svg><a href="javascript:alert(1)"><text>x</text></a><a xlink:href=" JaVaScript:x">y</a><a href="data:text/html,x">z</a></svg>`, `<svg><a><text>x</text></a><a>y</a><a>z</a></svg>`},
		{"a picture of another place", `<svg><image href="https://evil.example/x.png"/><image xlink:href="data:image/svg+xml;base64,AAAA"/><image xlink:href="data:image/png;base64,AA=="/></svg>`,
			`<svg><image></image><image></image><image xlink:href="data:image/png;base64,AA=="></image></svg>`},
		{"styles", `<svg><style>@import url(https://evil.example)</style><rect style="fill:url(https://evil.example)"/><rect fill="url(#a)" style="fill: url('#b')"/><rect style="fill:u\72l(x)"/></svg>`,
			`<svg><rect></rect><rect fill="url(#a)" style="fill: url(&#39;#b&#39;)"></rect><rect></rect></svg>`},
		{"what moves", `<svg><a><animate attributeName="href" values="javascript:x"/><set attributeName="href" to="javascript:x"/></a><use href="#x"/></svg>`, `<svg><a></a></svg>`},
		{"text that looks like an element", `<svg><text><![CDATA[</svg><script>alert(1)</script>]]></text><title>&lt;/title>&lt;img src=x onerror=x></title></svg>`,
			`<svg><text>&lt;/svg&gt;&lt;script&gt;alert(1)&lt;/script&gt;</text><title>&lt;/title&gt;&lt;img src=x onerror=x&gt;</title></svg>`},
		{"a comment", `<svg><!-- --><script> --><rect/></script></svg>`, `<svg></svg>`},
		{"another namespace", `<svg xmlns="http://www.w3.org/1999/xhtml" xmlns:x="y"><x:script>a</x:script></svg>`, `<svg></svg>`},
	} {
		got, err := sanitize([]byte(test.given))
		require.NoError(t, err, test.name)
		require.Equal(t, test.want, string(got), test.name)
	}
}

func TestWhatIsNoDrawingIsRefused(t *testing.T) {
	t.Parallel()
	for given, message := range map[string]string{
		"<html></html>": "not one element svg", "<svg>": "no complete element", "<svg></svg><svg></svg>": "not one element svg", "<svg></g></svg>": "ends where it is not open",
		"<!-- only -->": "no complete element", `<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>`: "entity", `<?xml version="1.0" encoding="UTF-16"?><svg/>`: "UTF-8",
		strings.Repeat("<svg>", 600): "too deep", "<svg a=b></svg>": "attribute", "<svg><\x00/></svg>": "",
	} {
		_, err := sanitize([]byte(given))
		require.ErrorContains(t, err, message, given)
	}
}

// FuzzSanitize says that a drawing which was cleaned has nothing that acts, as a browser reads it, and that cleaning it again changes nothing.
func FuzzSanitize(f *testing.F) {
	f.Add(`<svg xmlns:xlink="http://www.w3.org/1999/xlink"><a xlink:href="#x"><text style="fill:red">a&amp;</text></a><script/></svg>`)
	f.Add(`<svg><title><![CDATA[</title><img onerror=x>]]></title><image href="data:image/png;base64,AA"/></svg>`)
	f.Add(`<svg><g a:b="c"><text>x</text></g><!-- c --><?p i?></svg>`)
	bad := regexp.MustCompile(`(?i)^(?:javascript|vbscript|data:text)`)
	f.Fuzz(func(t *testing.T, given string) {
		cleaned, err := sanitize([]byte(given))
		if err != nil {
			return
		}
		again, err := sanitize(cleaned)
		require.NoError(t, err)
		require.Equal(t, string(cleaned), string(again))
		document, err := html.Parse(strings.NewReader("<body>" + string(cleaned)))
		require.NoError(t, err)
		for node := range document.Descendants() {
			if node.Type != html.ElementNode {
				continue
			}
			require.NotContains(t, []string{"script", "style", "iframe", "img", "foreignObject", "object", "embed"}, node.Data)
			for _, attribute := range node.Attr {
				require.False(t, strings.HasPrefix(strings.ToLower(attribute.Key), "on"), attribute.Key)
				require.False(t, bad.MatchString(strings.TrimSpace(attribute.Val)) && strings.HasSuffix(attribute.Key, "href"), attribute.Val)
			}
		}
	})
}
