from broken import work

again = work
