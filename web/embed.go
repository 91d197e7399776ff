// Package web serves the portal: a single-page application under src/, which Vite builds into dist/ and the
// binary embeds. The portal's data comes from the HTTP API.
package web

import (
	"embed"
	"fmt"
	"io/fs"
)

// dist has a .gitkeep in the repository, so that the Go packages build before the portal.
//
//go:embed all:dist
var dist embed.FS

// Files is the built portal: index.html, assets/ with hashed names, and a .gz file for each file that is
// worth compressing. Without a built portal it has no index.html.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(fmt.Sprintf("web: the embedded folder has a fixed, valid name: %v", err))
	}
	return files
}
