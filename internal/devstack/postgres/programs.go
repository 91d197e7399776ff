package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// minimumMajor is the oldest PostgreSQL version that supports Portico's statements (MERGE, NULLS NOT
// DISTINCT).
const minimumMajor = 15

// installHint ends every error about missing programs.
const installHint = "install PostgreSQL 15 or newer (apt-get install postgresql, dnf install postgresql-server postgresql-contrib, " +
	"brew install postgresql@17), or Node.js with npm so that it can be fetched, or give the DSN of a running server"

// systemDirectories are the directories outside of PATH where packages install the server's programs.
var systemDirectories = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
}

// rootCacheDirectory is the cache for root, when the account that runs the programs cannot read root's own.
const rootCacheDirectory = "/var/cache/portico"

// programs is a directory with initdb and postgres of one major version.
type programs struct {
	directory string
	major     int
}

func (p programs) path(name string) string { return filepath.Join(p.directory, name) }

// findPrograms chooses the programs to run. An existing cluster determines the major version. A new one
// (clusterMajor 0) uses those in PATH, else the newest installed, else downloaded ones.
func findPrograms(ctx context.Context, cacheDirectory string, clusterMajor int, owner account, log *slog.Logger) (programs, error) {
	suits := func(candidate programs) bool {
		return candidate.major == clusterMajor || (clusterMajor == 0 && candidate.major >= minimumMajor)
	}
	if onPath, ok := programsOnPath(ctx); ok && suits(onPath) && owner.canReach(onPath.path("postgres")) {
		return onPath, nil
	}
	for _, candidate := range packagedPrograms(ctx) {
		if suits(candidate) && owner.canReach(candidate.path("postgres")) {
			return candidate, nil
		}
	}
	if clusterMajor != 0 && clusterMajor != fetchedMajor {
		return programs{}, fmt.Errorf("the data was written by PostgreSQL %d, which is not installed any more: install it, or remove the data",
			clusterMajor)
	}
	fetched, err := fetchPrograms(ctx, fetchDirectory(cacheDirectory, owner), log)
	if err != nil {
		return programs{}, fmt.Errorf("no PostgreSQL to run: %w; %s", err, installHint)
	}
	return fetched, nil
}

// fetchDirectory is the directory of downloaded programs: the cache, unless the account cannot read it.
func fetchDirectory(cacheDirectory string, owner account) string {
	if owner.canReach(filepath.Join(cacheDirectory, "bin", "postgres")) {
		return cacheDirectory
	}
	return rootCacheDirectory
}

func programsOnPath(ctx context.Context) (programs, bool) {
	name, err := exec.LookPath("postgres")
	if err != nil {
		return programs{}, false
	}
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return programs{}, false
	}
	found, err := inspectPrograms(ctx, filepath.Dir(name))
	return found, err == nil
}

// packagedPrograms lists the programs that packages have installed outside of PATH, newest first.
func packagedPrograms(ctx context.Context) []programs {
	var found []programs
	for _, pattern := range systemDirectories {
		directories, err := filepath.Glob(pattern)
		if err != nil {
			continue // only a malformed pattern fails
		}
		for _, directory := range directories {
			if candidate, err := inspectPrograms(ctx, directory); err == nil {
				found = append(found, candidate)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b programs) int { return cmp.Compare(b.major, a.major) })
	return found
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// inspectPrograms runs the postgres of a directory to get its version. Without initdb it is an error.
func inspectPrograms(ctx context.Context, directory string) (programs, error) {
	found := programs{directory: directory}
	if _, err := os.Stat(found.path("initdb")); err != nil {
		return programs{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, found.path("postgres"), "--version").Output()
	if err != nil {
		return programs{}, fmt.Errorf("%s --version: %w", found.path("postgres"), err)
	}
	match := versionPattern.FindSubmatch(output)
	if match == nil {
		return programs{}, errors.New("not a PostgreSQL version: " + string(output))
	}
	found.major, err = strconv.Atoi(string(match[1]))
	return found, err
}
