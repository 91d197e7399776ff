package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// maxLine bounds a line of an export. An event has fewer than 20 KiB.
const maxLine = 1 << 20

// ExportReport is the result of VerifyExport.
type ExportReport struct {
	// Events counts the lines that were checked, and Head is the hash of the last, in hexadecimal digits.
	Events int
	Head   string
	// Broken is the number of the first line that does not continue the chain, 0 when all do.
	Broken int
}

// VerifyExport computes the hash chain of an Export, or of the messages of a webhook, without the database.
// The first line continues the hash previous, the beginning of the chain when it is nil.
func VerifyExport(in io.Reader, previous []byte) (ExportReport, error) {
	if previous == nil {
		previous = beginning
	}
	report := ExportReport{Head: hex.EncodeToString(previous)}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		hash, is := continues(previous, lines.Bytes())
		if !is {
			report.Broken = report.Events + 1
			return report, nil
		}
		report.Events++
		previous, report.Head = hash, hex.EncodeToString(hash)
	}
	if err := lines.Err(); err != nil {
		return report, fmt.Errorf("read line %d of the export: %w", report.Events+1, err)
	}
	return report, nil
}

// continues reports whether a line has the hash of its own document after the previous hash.
func continues(previous, line []byte) (hash []byte, is bool) {
	const member = `,"hash":"`
	split := len(line) - len(member) - hex.EncodedLen(sha256.Size) - len(`"}`)
	if split < 0 {
		return nil, false
	}
	sum := sha256.New()
	sum.Write(previous)
	sum.Write(line[:split])
	sum.Write([]byte("}"))
	hash = sum.Sum(nil)
	return hash, bytes.Equal(line[split:], fmt.Appendf(nil, "%s%x\"}", member, hash))
}
