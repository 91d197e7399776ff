package store

import (
	"path"
	"regexp"
	"strings"
)

// plainText is the type of everything that a browser could show as a page, or that has no known type.
const plainText = "text/plain; charset=utf-8"

// active are extensions of files that browsers would show or run as pages, as in Backstage.
var active = regexp.MustCompile(`(?i)htm|xml|svg|appcache|manifest|mathml|owl|rdf|rng|vtt|xht|xsd|xsl`)

// ShownType is the content type with which a file of a site is served. Authors write the files, so none is served as a page.
func ShownType(name string) string {
	extension := path.Ext(name)
	if active.MatchString(extension) {
		return plainText
	}
	if known := contentTypes[strings.ToLower(extension)]; known != "" {
		return known
	}
	return plainText
}

// storedType is the content type of a file in a bucket.
func storedType(name string) string {
	extension := strings.ToLower(path.Ext(name))
	switch extension {
	case ".html", ".htm":
		return "text/html; charset=utf-8"
	case ".xml":
		return "application/xml"
	case ".svg":
		return "image/svg+xml"
	}
	if known := contentTypes[extension]; known != "" {
		return known
	}
	return "application/octet-stream"
}

// contentTypes are the types of what sites have, as Backstage names them. The table of the machine is not used: it differs between machines.
var contentTypes = map[string]string{
	".aac": "audio/x-aac", ".apng": "image/apng", ".avi": "video/x-msvideo", ".avif": "image/avif", ".bmp": "image/bmp", ".bz2": "application/x-bzip2",
	".css": "text/css; charset=utf-8", ".csv": "text/csv; charset=utf-8", ".doc": "application/msword",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".eot": "application/vnd.ms-fontobject",
	".epub": "application/epub+zip", ".flac": "audio/x-flac", ".gif": "image/gif", ".gz": "application/gzip", ".ico": "image/vnd.microsoft.icon",
	".ics": "text/calendar; charset=utf-8", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".js": "application/javascript; charset=utf-8",
	".json": "application/json; charset=utf-8", ".jsonld": "application/ld+json", ".m4a": "audio/mp4", ".m4v": "video/x-m4v",
	".map": "application/json; charset=utf-8", ".markdown": "text/markdown; charset=utf-8", ".md": "text/markdown; charset=utf-8",
	".mjs": "application/javascript; charset=utf-8", ".mov": "video/quicktime", ".mp3": "audio/mpeg", ".mp4": "video/mp4", ".mpeg": "video/mpeg",
	".odp": "application/vnd.oasis.opendocument.presentation", ".ods": "application/vnd.oasis.opendocument.spreadsheet",
	".odt": "application/vnd.oasis.opendocument.text", ".oga": "audio/ogg", ".ogg": "audio/ogg", ".ogv": "video/ogg", ".opus": "audio/ogg",
	".otf": "font/otf", ".pdf": "application/pdf", ".png": "image/png", ".ppt": "application/vnd.ms-powerpoint",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", ".ps": "application/postscript", ".rtf": "application/rtf",
	".sh": "application/x-sh", ".tar": "application/x-tar", ".tif": "image/tiff", ".tiff": "image/tiff", ".toml": "application/toml",
	".ttf": "font/ttf", ".txt": plainText, ".wasm": "application/wasm", ".wav": "audio/wave", ".weba": "audio/webm", ".webm": "video/webm",
	".webp": "image/webp", ".woff": "font/woff", ".woff2": "font/woff2", ".xls": "application/vnd.ms-excel",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".yaml": "text/yaml; charset=utf-8", ".yml": "text/yaml; charset=utf-8",
	".zip": "application/zip",
}
