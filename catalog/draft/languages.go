package draft

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
)

// languages are the languages of files, by extension: those in which people write components.
var languages = map[string]string{
	".go": "go", ".java": "java", ".kt": "kotlin", ".kts": "kotlin", ".scala": "scala", ".groovy": "groovy", ".clj": "clojure",
	".js": "javascript", ".jsx": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".ts": "typescript", ".tsx": "typescript",
	".vue": "vue", ".svelte": "svelte", ".py": "python", ".rb": "ruby", ".php": "php", ".rs": "rust", ".c": "c", ".h": "c",
	".cc": "c++", ".cpp": "c++", ".hpp": "c++", ".cs": "c#", ".fs": "f#", ".swift": "swift", ".m": "objective-c", ".dart": "dart",
	".ex": "elixir", ".exs": "elixir", ".erl": "erlang", ".hs": "haskell", ".lua": "lua", ".pl": "perl", ".r": "r", ".jl": "julia",
	".sh": "shell", ".ps1": "powershell", ".tf": "terraform", ".sql": "sql", ".proto": "protobuf", ".sol": "solidity", ".zig": "zig",
}

const (
	// maxLanguages bounds the languages of a repository.
	maxLanguages = 3
	// leastShare is the share of the code in a language that counts, as one in so many.
	leastShare = 10
	// unknownSize is the size of a file whose size the host does not tell.
	unknownSize = 1000
)

// vendored are directories whose files others wrote.
var vendored = []string{"node_modules", "vendor", "third_party", "dist", "build", "target", "testdata", "fixtures", ".git", "bower_components", "examples", "__fixtures__"}

func isVendored(name string) bool {
	for step := range strings.SplitSeq(path.Dir(name), "/") {
		if slices.Contains(vendored, step) {
			return true
		}
	}
	return false
}

// languagesOf are the main languages of files, by the size of what is written in them.
func languagesOf(files []File) []string {
	sizes := map[string]int64{}
	var total int64
	for _, file := range files {
		language := languages[strings.ToLower(path.Ext(file.Path))]
		if language == "" || isVendored(file.Path) || strings.HasSuffix(file.Path, ".min.js") {
			continue
		}
		size := file.Size
		if size < 0 {
			size = unknownSize
		}
		sizes[language] += size
		total += size
	}
	all := slices.SortedFunc(maps.Keys(sizes), func(a, b string) int {
		return cmp.Or(cmp.Compare(sizes[b], sizes[a]), strings.Compare(a, b))
	})
	all = slices.DeleteFunc(all, func(language string) bool { return sizes[language]*leastShare < total })
	return all[:min(len(all), maxLanguages)]
}
