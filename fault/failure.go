package fault

import "unicode/utf8"

// Failure is an error as people see it and as it is stored: its secrets are masked.
type Failure struct {
	// Name is the Kind of the error, or another name that says more, such as WorkerLostError. It is "Error"
	// for an error without a kind.
	Name    string `json:"name"`
	Message string `json:"message"`
	// Advice says what a person can do about it, "" when there is nothing to add.
	Advice string `json:"next,omitempty"`
}

// cutMark ends a text that was cut.
const cutMark = "… (cut)"

// Cut returns the failure with each of its texts cut to a number of bytes, for where its size matters; nil
// for nil.
func (f *Failure) Cut(size int) *Failure {
	if f == nil {
		return nil
	}
	return &Failure{Name: cut(f.Name, size), Message: cut(f.Message, size), Advice: cut(f.Advice, size)}
}

func cut(text string, size int) string {
	if len(text) <= size {
		return text
	}
	at := max(size-len(cutMark), 0)
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	return text[:at] + cutMark
}
