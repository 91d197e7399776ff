// Package web is the portal: a single-page application under src/, built by Vite into dist/ and carried
// inside the binary. The Go side only serves what was built. What the portal shows comes from the HTTP API,
// never from here.
package web

import (
	"embed"
	"fmt"
	"io/fs"
)

// dist holds .gitkeep in the repository, so that the Go packages build before the portal was.
//
//go:embed all:dist
var dist embed.FS

// Files is the built portal: index.html, assets/ with hashed names, and a .gz beside each file that is worth
// compressing. It has no index.html when the portal was not built.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(fmt.Sprintf("web: the embedded folder has a fixed, valid name: %v", err))
	}
	return files
}
