"""What a mail looks like on the wire; nothing that a user typed can become a header of its own."""

from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from botyard.core.mail import address
from botyard.kit import clock
from botyard.kit.errors import Invalid

MAX_SUBJECT = 200


def check(to: str, subject: str) -> None:
    """Raises Invalid unless both can stand in a header: one address, one line."""
    address.checked(to)
    if not subject.strip() or len(subject) > MAX_SUBJECT or not subject.isprintable():
        raise Invalid(f"The subject of a mail is one line of 1 to {MAX_SUBJECT} characters.")


def compose(*, mail_id: str, sender: str, to: str, subject: str, text: str) -> EmailMessage:
    """The message. Its id follows from `mail_id`, so that a repeated delivery is recognisable as one."""
    check(to, subject)
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = Address(addr_spec=sender)
        message["To"] = Address(addr_spec=to)
    except (HeaderParseError, ValueError) as error:
        raise Invalid(f"The mail address is not valid: {error}.") from None
    message["Subject"] = subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{mail_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message.set_content(text)
    return message
