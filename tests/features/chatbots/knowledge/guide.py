"""Made-up guides, and questions that they answer or do not."""

GUIDE = """# Parcel guide

Welcome to the guide of our parcel service. It says how to send, follow and return parcels.

## Opening hours

Our counters are open on weekdays from eight in the morning until six in the evening.
On Saturdays they close at noon. On Sundays and public holidays they stay closed.

## Prices

A small parcel of up to two kilograms costs 4.90 euros within the country.
A large parcel of up to ten kilograms costs 9.50 euros.
Deliveries to islands cost three euros more.

## Delivery time

Parcels that are handed in before two o'clock arrive on the next working day.
Abroad a delivery takes between three and seven days, depending on customs.

## Following a parcel

Every parcel has a tracking number of twelve digits. It stands on the receipt.
Enter it on the tracking page to see where the parcel is.

## Lost and damaged parcels

A parcel that has not arrived after ten days counts as lost. Report it with the tracking number, and we search for it.
Damage must be reported within seven days, with photographs of the wrapping and the content.
Every parcel is insured up to five hundred euros.

## Returns

Anything that was bought in our shop can be sent back within thirty days.
Print the return label from your account, stick it over the old address and hand the parcel in at any counter.
The money is paid back within five working days after the parcel has reached us.

## Changing the address

The address of a delivery can be changed until the parcel has left our centre. Sign in, open the parcel and choose
another address. Afterwards only the driver can be asked, by the number on the card that he leaves.

## What may not be sent

Batteries without a device, fireworks, living animals and fresh food are not carried.

## Account and password

Whoever forgot the password chooses a new one by the link on the sign-in page. The link is valid for one hour.
An account can be deleted in its settings, after which all data are removed within a month.
"""

ANSWERED = {
    "When do you open on Saturday?": "Opening hours",
    "what are your opening hours": "Opening hours",
    "How much does a large parcel cost?": "Prices",
    "price for 2 kg package": "Prices",
    "how long does shipping to another country take": "Delivery time",
    "Where do I find my tracking number?": "Following a parcel",
    "my parcel never arrived, what now?": "Lost and damaged parcels",
    "the box was damaged": "Lost and damaged parcels",
    "How do I send something back?": "Returns",
    "when will I get my refund": "Returns",
    "Can I change the delivery address?": "Changing the address",
    "can I send fireworks": "What may not be sent",
    "I forgot my password": "Account and password",
    "How can I delete my account?": "Account and password",
}
UNANSWERED = (
    "What is the capital of Mongolia?",
    "Who won the football match yesterday?",
    "Can you write a poem about the sea?",
    "How do I cook rice?",
    "Do you have jobs for software developers?",
    "What is the meaning of life?",
    "recommend me a good film",
    "how tall is the Eiffel tower",
    "My printer does not work",
    "Do you sell train tickets?",
    "what colour is your logo",
    "tell me a joke",
    "Do you deliver pizza?",
    "How do I repair a washing machine?",
    "Can I pay with a cheque?",
    "insurance for my car",
)

LIBRARY = """# Town library

## Becoming a member

Anyone who lives in the region can become a member. Bring an identity card and fill in the form at the desk.
Membership costs twelve euros a year; children and students pay nothing.

## Borrowing

Members borrow up to fifteen items at once. Books may be kept for four weeks, films and games for one week.
A loan can be extended twice, online or by telephone, unless somebody else has reserved the item.

## Late items

Whoever brings an item back too late pays twenty cents for each day. After forty days a bill for a new copy is sent.

## Reading room and computers

The reading room on the second floor has sixty seats. Computers can be used for an hour, printing costs ten cents a page.
Wireless internet is free; the code hangs beside the desk.

## Events for children

On Wednesday afternoons stories are read aloud for children between four and eight. No registration is needed.

## Donating books

Books in good condition that are not older than ten years are gladly accepted on Tuesdays. Encyclopedias are not.
"""

LIBRARY_ANSWERED = {
    "how do I join": "Becoming a member",
    "what does membership cost": "Becoming a member",
    "How many books can I borrow?": "Borrowing",
    "can I renew my loan": "Borrowing",
    "how long can I keep a film": "Borrowing",
    "what is the fine for late returns": "Late items",
    "is there wifi": "Reading room and computers",
    "where can I print something": "Reading room and computers",
    "activities for kids": "Events for children",
    "I want to give away old books": "Donating books",
}
LIBRARY_UNANSWERED = (
    "Who is the president of France?",
    "How do I reset my router?",
    "which bus goes to the airport",
    "best recipe for pancakes",
    "how much does a new phone cost",
    "what will the weather be tomorrow",
    "do you sell coffee",
    "book a hotel room in Rome",
)

HOTEL = """# Hotel by the lake

## Arrival and departure

Rooms are ready from three in the afternoon. On the day of departure they must be free at eleven. Luggage can be
left at the reception.

## Breakfast

Breakfast is served in the winter garden from seven to ten, on Sundays until eleven. It is included in the price
of the room. Vegan dishes are available.

## Parking

Guests park behind the house free of charge. Two places have a charging station for electric cars.

## Pets

Dogs are welcome for fifteen euros a night. They must be kept on a lead and may not enter the restaurant.

## Cancelling

A booking can be cancelled free of charge until two days before arrival. After that the first night is charged.

## Wellness

The sauna and the pool in the basement are open from two to nine in the evening. Massages are booked at the
reception.

## Families

Children under six stay for free in the bed of their parents. Cots are provided on request.
"""

HOTEL_ANSWERED = {
    "What time is check-in?": "Arrival and departure",
    "When do I have to leave the room?": "Arrival and departure",
    "is breakfast included": "Breakfast",
    "do you have vegan food": "Breakfast",
    "where can I leave my car": "Parking",
    "can I charge my Tesla": "Parking",
    "may I bring my dog": "Pets",
    "how do I cancel my reservation": "Cancelling",
    "what happens if I cancel one day before": "Cancelling",
    "when is the swimming pool open": "Wellness",
    "I would like a massage": "Wellness",
    "do kids pay": "Families",
    "do you have a cot for my baby": "Families",
    "Wann gibt es Frühstück?": "Breakfast",
}
HOTEL_UNANSWERED = (
    "What is the exchange rate of the dollar?",
    "who painted the Mona Lisa",
    "how do I update my operating system",
    "do you repair bicycles",
    "Can you help me with my tax return?",
    "what is the best football club",
    "write me a python program",
    "Is there a pharmacy nearby?",
    "do you rent boats",
    "how old is the universe",
    "sing a song",
    "where is my parcel",
)
