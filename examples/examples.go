// Package examples embeds the example company with its roles, for `portico dev --users`. The templates are not
// in it: their skeletons contain Go modules, which Go does not embed.
package examples

import "embed"

// Files are catalog/ and policy/.
//
//go:embed catalog policy
var Files embed.FS
