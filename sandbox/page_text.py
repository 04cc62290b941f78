"""Texts and addresses as pages give them: nothing in them may break who reads them."""

from urllib.parse import SplitResult, urlsplit


def whole_text(text: str) -> str:
    """Halves of characters, which a script can make and no file can hold, as �; two that belong together become one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def parts_of(url: str) -> SplitResult:
    """As `urlsplit`; what is no address is all path."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", url, "", "")
