package search

import "strings"

// operands are a query as right sides of @@: the texts of values of the type tsquery.
type operands struct {
	// Whole are all words, and the words of phrases in any order. The last word may be the beginning of one.
	Whole string
	// Lean is Whole without a last word that may be the beginning of one: of a beginning that many words have, the index lists all
	// documents of all these words before it gives the first. "" is none.
	Lean string
	// Last is the beginning that Lean leaves out, "" without one.
	Last string
	// Phrase are the phrases, "" without one. The index does not know where words are: it is a condition on what Whole finds.
	Phrase string
	// Exact and Headings are the words as names and titles have them; in Headings, the last may be the beginning of one.
	Exact, Headings string
}

// language is the name of a text search configuration as SQL. It consists of letters, digits and underscores.
func language(name string) string { return "'" + name + "'::regconfig" }

// quoted is a word as an operand of to_tsquery. Words consist of letters, digits and marks.
func quoted(word string, suffix string) string {
	return "'" + strings.NewReplacer("'", "", `\`, "").Replace(word) + "'" + suffix
}

// headings is the query for words of names and titles, or "" for a query without words.
func (q Query) headings(prefix bool) string {
	var all []string
	for i, word := range q.Words {
		suffix := ""
		if prefix && i == len(q.Words)-1 && len(word.Joined) > 1 {
			suffix = beginning
		}
		all = append(all, word.operand(suffix))
	}
	for _, phrase := range q.Phrases {
		for part := range strings.FieldsSeq(phrase) {
			all = append(all, quoted(part, ""))
		}
	}
	return strings.Join(all, " & ")
}

// operand is the word as an operand of to_tsquery: as one, or all its parts.
func (w Word) operand(suffix string) string {
	if len(w.Also) > 0 {
		all := []string{Word{Joined: w.Joined, Parts: w.Parts}.operand(suffix)}
		for _, word := range w.Also {
			all = append(all, quoted(word, ""))
		}
		return "(" + strings.Join(all, " | ") + ")"
	}
	if len(w.Parts) == 1 {
		return quoted(w.Parts[0], suffix)
	}
	parts := make([]string, len(w.Parts))
	for i, part := range w.Parts {
		parts[i] = quoted(part, "")
	}
	parts[len(parts)-1] = quoted(w.Parts[len(w.Parts)-1], suffix)
	return "(" + quoted(w.Joined, suffix) + " | " + strings.Join(parts, " & ") + ")"
}

// beginning is the suffix of a word that may be the beginning of one.
const beginning = ":*"

// operands writes the columns of operands, as expressions of the type tsquery.
func (q Query) operands(w *writer, lang string) string {
	whole, others := make([]string, 0, len(q.Words)), make([]string, 0, len(q.Words))
	last, phrase := "", ""
	for i, word := range q.Words {
		if i == len(q.Words)-1 && len(word.Joined) > 1 {
			last = word.expression(w, lang, beginning)
			whole = append(whole, last)
			continue
		}
		whole = append(whole, word.expression(w, lang, ""))
		others = append(others, whole[i])
	}
	for _, text := range q.Phrases {
		words := "plainto_tsquery(" + lang + ", " + w.arg(text) + ")"
		whole, others = append(whole, words), append(others, words)
		if phrase != "" {
			phrase += " && "
		}
		phrase += "phraseto_tsquery(" + lang + ", " + w.arg(text) + ")"
	}
	if last == "" {
		others = nil
	}
	column := func(name, expression string) string {
		if expression == "" {
			expression = "null::tsquery"
		}
		return expression + " as " + name
	}
	heading := func(prefix bool) string {
		headings := q.headings(prefix)
		if headings == "" {
			return ""
		}
		return "to_tsquery('simple', " + w.arg(headings) + ")"
	}
	return strings.Join([]string{column("whole", strings.Join(whole, " && ")), column("lean", strings.Join(others, " && ")), column("last", last),
		column("phrase", phrase), column("exact", heading(false)), column("headings", heading(true))}, ", ")
}

// whole writes all words and phrases of the query as one expression of the type tsquery.
func (q Query) whole(w *writer, lang string) string {
	all := make([]string, 0, len(q.Words)+len(q.Phrases))
	for i, word := range q.Words {
		suffix := ""
		if i == len(q.Words)-1 && len(word.Joined) > 1 {
			suffix = beginning
		}
		all = append(all, word.expression(w, lang, suffix))
	}
	for _, phrase := range q.Phrases {
		all = append(all, "phraseto_tsquery("+lang+", "+w.arg(phrase)+")")
	}
	return "(" + strings.Join(all, " && ") + ")"
}

// expression writes a word as it is in documents. Words that the language leaves out, such as "the", are left out here too. A beginning is
// looked for as it is written and as its stem.
func (w Word) expression(to *writer, lang, suffix string) string {
	operand, plain := to.arg(w.operand(suffix)), to.arg(w.operand(""))
	stemmed, written := "to_tsquery("+lang+", "+operand+")", "to_tsquery('simple', "+operand+")"
	return "(case when numnode(to_tsquery(" + lang + ", " + plain + ")) = 0 then ''::tsquery when " + stemmed + " = " + written + " then " + written +
		" else " + stemmed + " || " + written + " end)"
}
