"""The notice that every alert carries."""

NOTICE = (
    "Decision support for a health professional, not a medical device and not advice. It shows the records and the"
    " arithmetic behind each line so that a professional can judge them. Records cannot show leftover tablets, an"
    " opioid treatment programme, a hospital stay or another pharmacy: nothing found is not safe."
)
