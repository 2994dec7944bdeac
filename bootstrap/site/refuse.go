// SPDX-License-Identifier: Apache-2.0

package site

// Refuse makes an error of what others find wrong with a site file that is right by its own rules, as the choice of packages: each
// problem with the line that it has in the file as it was loaded. It returns nil where the site was not loaded from a file, or nothing
// is wrong.
func (s *Site) Refuse(problems []Problem) *Problems {
	if s.file == "" || len(problems) == 0 {
		return nil
	}
	out := &Problems{File: s.file}
	d := readDocument(s.text)
	for _, problem := range problems {
		at := d.locate(problem.Path)
		problem.Value, problem.Line, problem.Column = show(problem.Value), at.line, at.column
		out.List = append(out.List, problem)
	}
	sortProblems(out.List)
	return out
}
