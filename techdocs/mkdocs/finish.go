package mkdocs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// metadataFile describes a site to Backstage.
const metadataFile = "techdocs_metadata.json"

// finish writes the metadata of the site, and counts its files.
func (b *build) finish(output string, files []string, s site) error {
	root, err := os.OpenRoot(output)
	if err != nil {
		return fmt.Errorf("open the site: %w", err)
	}
	defer root.Close()
	metadata := map[string]any{}
	content, err := root.ReadFile(metadataFile)
	switch {
	case errors.Is(err, fs.ErrNotExist): // without techdocs-core
		files = append(files, metadataFile)
	case err != nil:
		return fmt.Errorf("read the metadata of the site: %w", err)
	default:
		if err := json.Unmarshal(content, &metadata); err != nil {
			return b.failed(mistaken(s.file, 0, "A plugin wrote a %s that is not valid JSON.", metadataFile))
		}
	}
	slices.Sort(files)
	metadata["build_timestamp"] = time.Now().UnixMilli()
	metadata["files"] = files
	metadata["engine"] = Engine
	if b.options.ETag != "" {
		metadata["etag"] = b.options.ETag
	}
	content, err = json.Marshal(metadata)
	if err != nil {
		return err
	}
	if err := root.WriteFile(metadataFile, content, 0o644); err != nil {
		return fmt.Errorf("write the metadata of the site: %w", err)
	}
	b.report.Files = len(files)
	for _, file := range files {
		if strings.HasSuffix(file, ".html") && file != "404.html" {
			b.report.Pages++
		}
	}
	return nil
}
